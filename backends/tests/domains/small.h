/* Libraries with one entry point each. */
#ifndef TESTS_SMALL_H
#define TESTS_SMALL_H

void guarded_nothing(void); /* of `guarded`, which only root may share */
void alone_nothing(void);   /* of `alone`, which nobody may share */
void fussy_nothing(void);   /* of `fussy`, whose init function fails with -EIO */
void broken_nothing(void);  /* of `broken`, whose init function crashes */

#endif
