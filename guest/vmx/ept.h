/* EPT structures (Intel SDM vol. 3C, 28.3): the trees of all views. Called in VMX root mode, and before the
 * launch. */
#ifndef GUEST_VMX_EPT_H
#define GUEST_VMX_EPT_H

#include "mm/frame.h"

/* Builds the views of application and kernel. `large`: with 1 GiB pages. 0 or -ENOMEM. */
long ept_init(bool large);

/* The EPTP list, a page (SDM vol. 3C, 24.6.14), and its entry for the application. */
paddr_t ept_list(void);
uint64_t ept_application(void);

/* The view of an EPT pointer; VIEW_COUNT: none. */
unsigned ept_view_of(uint64_t pointer);

/* What vmx/vmx.h says of view_create(), view_destroy() and view_give(). The caller invalidates. */
long ept_create(void);
void ept_destroy(unsigned view);
long ept_give(unsigned view, paddr_t frame, unsigned flags);

#endif
