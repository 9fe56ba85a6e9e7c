# The example of backends/README.md.
COUNTER := workloads/examples/counter

$(eval $(call portcullis_image,counter,$(COUNTER)/counter.exports,$(BUILD)/image/$(COUNTER)/counter.c.o))
$(eval $(call portcullis_program,count,$(BUILD)/program/$(COUNTER)/count.c.o,counter))
