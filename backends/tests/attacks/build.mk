# Attack programs against the library `vault`, and an honest program that only looks like one.
ATTACKS := backends/tests/attacks
ATTACK_PROGRAMS := stray harmless
ATTACK_SUPPORT := $(patsubst %,$(BUILD)/program/$(ATTACKS)/%.c.o,attack code)

$(eval $(call portcullis_image,vault,$(ATTACKS)/vault.exports,$(BUILD)/image/$(ATTACKS)/vault.c.o))
$(foreach program,$(ATTACK_PROGRAMS),\
	$(eval $(call portcullis_program,$(program),$(BUILD)/program/$(ATTACKS)/$(program).c.o $(ATTACK_SUPPORT),vault)))
$(eval $(call portcullis_program,marker,$(BUILD)/program/$(ATTACKS)/marker.c.o,))
