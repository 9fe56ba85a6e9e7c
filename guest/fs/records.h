/* /dev/records: see records.c. */
#ifndef GUEST_FS_RECORDS_H
#define GUEST_FS_RECORDS_H

#include "fs/file.h"

extern const struct file_ops records_ops;

#endif
