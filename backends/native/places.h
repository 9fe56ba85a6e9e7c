/* Where the runtime lies: addresses, plain, so that assembly can use them. */
#ifndef NATIVE_PLACES_H
#define NATIVE_PLACES_H

/*
 * Memory that is neither the application's (portcullis/layout.h) nor a domain's: [PORTCULLIS_APPLICATION_END,
 * PORTCULLIS_DOMAINS_START). No memory call of a program reaches there (filter.c), nor does one that starts
 * below and is smaller than the part that stays empty.
 */
#define NATIVE_IMAGES 0x1fa000000000 /* bytes of image files (load.c) */
#define NATIVE_TEXT   0x1fc000000000 /* the runtime, which is linked there, away from every program */
#define NATIVE_STACKS 0x1fd000000000 /* of the monitor (monitor.h) */
#define NATIVE_STAGE  0x1fe000000000 /* memory that is to become executable (text.c) */

#endif
