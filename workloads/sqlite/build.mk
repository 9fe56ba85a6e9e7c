# SQLite from the distribution's source package, unmodified, as a protected library.
SQLITE := workloads/sqlite
SQLITE_BORDER := $(patsubst $(SQLITE)/%.c,$(BUILD)/image/$(SQLITE)/%.c.o,\
	$(filter-out $(SQLITE)/system.c $(SQLITE)/direct.c,$(wildcard $(SQLITE)/*.c))) $(BUILD)/image/workloads/common/window.c.o

# One thread at a time, no files, no environment; LONGDOUBLE_TYPE: no x87.
SQLITE_OPTIONS := $(addprefix -DSQLITE_,THREADSAFE=0 OS_OTHER=1 ZERO_MALLOC=1 ENABLE_MEMSYS5 TEMP_STORE=3 OMIT_WAL \
	OMIT_LOCALTIME OMIT_LOAD_EXTENSION OMIT_DESERIALIZE OMIT_AUTOINIT OMIT_SHARED_CACHE OMIT_TRACE DISABLE_INTRINSIC) \
	-DLONGDOUBLE_TYPE=double

# The amalgamation: all of SQLite in one file, made by its own build.
$(SQLITE_GENERATED)/sqlite3.c $(SQLITE_GENERATED)/sqlite3.h &: $(BUILD)/deps.mk
	@rm -rf $(SQLITE_GENERATED) && mkdir -p $(SQLITE_GENERATED)
	cd $(SQLITE_GENERATED) && { $(abspath $(BUILD)/src/sqlite3/configure) --disable-tcl --disable-shared --disable-readline \
		--disable-dependency-tracking && env -u MAKEFLAGS -u MFLAGS make sqlite3.c; } >log 2>&1 || { tail -n 5 log; exit 1; }

# Other people's code: its warnings are not ours. Without debug information: the wrappers are what the image rule checks.
$(BUILD)/image/sqlite/sqlite3.o: $(SQLITE_GENERATED)/sqlite3.c
	@mkdir -p $(@D)
	$(MUSL_CC) $(filter-out -g $(WARNINGS),$(IMAGE_CFLAGS)) -w $(SQLITE_OPTIONS) -c $< -o $@

$(SQLITE_BORDER) $(BUILD)/image/$(SQLITE)/system.c.o: IMAGE_CFLAGS += -Iworkloads -I$(SQLITE_GENERATED) -D_GNU_SOURCE
$(SQLITE_BORDER) $(BUILD)/image/$(SQLITE)/system.c.o: | $(SQLITE_GENERATED)/sqlite3.h

$(eval $(call portcullis_image,sqlite,$(SQLITE)/sqlite.exports,$(SQLITE_CORE) $(SQLITE_BORDER)))
