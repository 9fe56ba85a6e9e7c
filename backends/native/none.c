/* Backend `none`: domains are ordinary memory of the process, stubs jump to the library's functions. */
#include "native/backend.h"

static const struct native_backend none = {.name = "none"};

NATIVE_BACKEND(none);
