/* chain1 calls chain2, and so on to chain9; front calls back, both shared. See chain.c. */
#ifndef TESTS_CHAIN_H
#define TESTS_CHAIN_H

long chain1_descend(int number, int *seen, int ready, int fd);
long chain2_descend(int number, int *seen, int ready, int fd);
long chain7_descend(int number, int *seen, int ready, int fd);
long front_descend(int number, int *seen, int ready, int fd);

#endif
