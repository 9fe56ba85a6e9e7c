/* Backend `none`: domains are ordinary user memory, stubs jump to the library's functions. The upper bound.
 */
#include "domain/backend.h"

static uint64_t stay(struct domain *domain, struct regs *regs)
{
	(void)domain;
	(void)regs;
	return 0;
}

static void stay_too(uint64_t previous)
{
	(void)previous;
}

static const struct backend none = {
        .name = "none",
        .domains_max = DOMAIN_SLOT_COUNT,
        .link = domain_link_subtree,
        .unlink = domain_unlink_subtree,
        .open_to_all = true,
        .raise = stay,
        .drop = stay_too,
};

REGISTER_BACKEND(none);
