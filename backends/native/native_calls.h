/* System calls of the native runtime's own: no kernel has them, the filter sends them back. */
#ifndef NATIVE_NATIVE_CALLS_H
#define NATIVE_NATIVE_CALLS_H

#define NATIVE_SYS_RELEASE 1040 /* the end of an entrance for which signals were held */

#endif
