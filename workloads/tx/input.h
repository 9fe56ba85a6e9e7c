/* Random input, TPC-C clauses 2.1.6 and 4.3.2. */
#ifndef TX_INPUT_H
#define TX_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#define NAME_SIZE 17 /* of a last name, with the NUL */

/* From low to high, both included; and with that percentage true. */
int64_t between(int64_t low, int64_t high);
bool percent(unsigned chance);

/* What is asked for more often, clause 2.1.6. */
int64_t skewed_customer(void);
int64_t skewed_item(void);

/* The last name of a number below 1000, clause 4.3.2.3; a number that customers of each district have. */
void last_name(char name[static NAME_SIZE], int64_t number);
int64_t skewed_name(void);

/* Random texts: letters and digits, or digits alone, of random length; returns `text`. */
char *letters(char *text, int64_t shortest, int64_t longest);
char *digits(char *text, int64_t length);

#endif
