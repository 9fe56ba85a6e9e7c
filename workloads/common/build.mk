# What the programs of several workloads share. They include it as common/NAME.h, with -Iworkloads.
COMMON_OBJECTS := $(patsubst %,$(BUILD)/program/workloads/common/%.c.o,arguments histogram records zipfian)

$(BUILD)/program/workloads/common/%.o: PROGRAM_CFLAGS += -Iworkloads

# The databases' own objects: for their images, and for programs that link them directly.
LMDB_SOURCE := $(BUILD)/src/lmdb/libraries/liblmdb
LMDB_CORE := $(patsubst %,$(BUILD)/image/lmdb/%.o,mdb midl)
SQLITE_SOURCE := $(BUILD)/src/sqlite3
SQLITE_CORE := $(BUILD)/image/sqlite/sqlite3.o
