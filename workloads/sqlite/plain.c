/* Functions that pass numbers alone. */
#include "sqlite/protected.h"

#define PROTECTED(type, name, wanted, parameters, arguments, inner, failure)                                 \
	type protected_##name parameters                                                                     \
	{                                                                                                    \
		struct handle *handle = handle_enter(pointer, wanted);                                       \
		void *object;                                                                                \
		type result;                                                                                 \
                                                                                                             \
		if (!handle)                                                                                 \
			return failure;                                                                      \
		object = handle->object;                                                                     \
		result = sqlite3_##name inner;                                                               \
		library_leave();                                                                             \
		return result;                                                                               \
	}

SQLITE_PLAIN_FUNCTIONS(PROTECTED)
