# What the programs of several workloads share. They include it as common/NAME.h, with -Iworkloads.
COMMON_OBJECTS := $(patsubst %,$(BUILD)/program/workloads/common/%.c.o,arguments histogram records zipfian)

$(BUILD)/program/workloads/common/%.o: PROGRAM_CFLAGS += -Iworkloads

# The databases: their own objects, for their images, and what programs that link them directly need.
LMDB_SOURCE := $(BUILD)/src/lmdb/libraries/liblmdb
LMDB_CORE := $(patsubst %,$(BUILD)/image/lmdb/%.o,mdb midl)
SQLITE_GENERATED := $(BUILD)/sqlite
SQLITE_CORE := $(BUILD)/image/sqlite/sqlite3.o $(BUILD)/image/workloads/sqlite/system.c.o
SQLITE_DIRECT := $(SQLITE_CORE) $(BUILD)/program/workloads/sqlite/direct.c.o
