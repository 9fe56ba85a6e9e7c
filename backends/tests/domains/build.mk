# The library `subject`, small ones that refuse something, chains of libraries, and the program that tries them.
DOMAINS := backends/tests/domains
DOMAIN_CASES := $(patsubst %.c,$(BUILD)/program/%.c.o,$(addprefix $(DOMAINS)/,main.c support.c attach.c life.c calls.c))

$(eval $(call portcullis_image,subject,$(DOMAINS)/subject.exports,$(BUILD)/image/$(DOMAINS)/subject.c.o))
$(foreach library,guarded alone fussy broken,\
	$(eval $(call portcullis_image,$(library),$(DOMAINS)/$(library).exports,$(BUILD)/image/$(DOMAINS)/small.c.o)))

# A link: its name, the next one, how it attaches to that.
define chain_link
$(BUILD)/image/$(DOMAINS)/$(1).exports:
	@mkdir -p $$(@D)
	printf '$(1)_descend 4\ninit $(1)_init\nshare any\n' > $$@
$(BUILD)/image/$(DOMAINS)/$(1).o: $(DOMAINS)/chain.c
	@mkdir -p $$(@D)
	$(MUSL_CC) $(IMAGE_CFLAGS) -DLINK=$(1) $(if $(2),-DNEXT=$(2) -DFLAGS=$(3)) -c $$< -o $$@
$$(eval $$(call portcullis_image,$(1),$(BUILD)/image/$(DOMAINS)/$(1).exports,$(BUILD)/image/$(DOMAINS)/$(1).o \
	$(if $(2),$(BUILD)/images/$(2)_stubs.o)))
endef
$(foreach level,1 2 3 4 5 6 7 8,$(eval $(call chain_link,chain$(level),chain$(shell expr $(level) + 1),PORTCULLIS_PRIVATE)))
$(eval $(call chain_link,chain9))
$(eval $(call chain_link,front,back,PORTCULLIS_SHARED))
$(eval $(call chain_link,back))

$(DOMAIN_CASES): PROGRAM_CFLAGS += -Ibackends/tests
$(eval $(call portcullis_program,domains,$(DOMAIN_CASES),subject guarded alone fussy broken chain1 chain2 chain7 chain9 front))
