# LMDB from the distribution's source package, unmodified, as a protected library.
LMDB := workloads/lmdb
LMDB_BORDER := $(patsubst $(LMDB)/%.c,$(BUILD)/image/$(LMDB)/%.c.o,$(wildcard $(LMDB)/*.c)) \
	$(BUILD)/image/workloads/common/window.c.o

# Other people's code: its warnings are not ours. Without debug information: the wrappers are what the image rule checks.
$(BUILD)/image/lmdb/%.o: $(LMDB_SOURCE)/%.c
	@mkdir -p $(@D)
	$(MUSL_CC) $(filter-out -g $(WARNINGS),$(IMAGE_CFLAGS)) -w -D_GNU_SOURCE -DMDB_USE_ROBUST=0 -DMDB_FDATASYNC_WORKS \
		"-Dsection(name)=unused" -c $< -o $@
$(LMDB_SOURCE)/%.c: $(BUILD)/deps.mk ;

$(LMDB_BORDER): IMAGE_CFLAGS += -Iworkloads -I$(LMDB_SOURCE) -D_GNU_SOURCE

$(eval $(call portcullis_image,lmdb,$(LMDB)/lmdb.exports,$(LMDB_CORE) $(LMDB_BORDER)))
