/*
 * The VMX monitor: the running kernel goes on in VMX non-root mode, with an identity EPT and a list of EPT
 * views between which VMFUNC leaf 0 switches without an exit (Intel SDM vol. 3C, 25.5.6).
 *
 * View 0 is the application's: everything but the memory of domains. View 1 is the kernel's: everything,
 * where only the kernel's text executes. The others belong to domains: everything but other domains' memory,
 * where only the kernel's text and the domain's own code execute.
 *
 * A view states its number in a page that has the same guest-physical address in all of them, and a different
 * frame in each.
 */
#ifndef GUEST_VMX_VMX_H
#define GUEST_VMX_VMX_H

#include "mm/frame.h"

struct regs;

#define VIEW_APPLICATION  0
#define VIEW_KERNEL       1
#define VIEW_DOMAIN_FIRST 2
#define VIEW_COUNT        512 /* entries of an EPTP list */

/* NULL: the monitor runs or can be started; else one sentence that says why it cannot. */
const char *vmx_missing(void);

/* NULL, or one sentence on what numbers are worth here, though the monitor can run. */
const char *vmx_remark(void);

/* Starts the monitor if it does not run. NULL: it runs. Else why it does not, and vmx_missing() says the same
 * from now on. */
const char *vmx_start(void);

bool vmx_is_running(void);

/* At boot: starts it when the command line says monitor=1. */
void vmx_boot(void);

/* Leaves VMX operation, if it was entered, and says on the console how many exits there were: before the
 * machine ends. */
void vmx_stop(void);

/* ---- views: only while the monitor runs
 * -------------------------------------------------------------------- */

/* A view of a new domain: its number, -ENOSPC or -ENOMEM. */
long view_create(void);

/* The frames that it was given are everybody's again. No thread may be in it. */
void view_destroy(unsigned view);

#define VIEW_EXECUTE 1 /* the view executes the frame, and cannot write it */
#define VIEW_SHARED  2 /* the frame stays what it is in other views */

/*
 * Gives a frame to a view, and without VIEW_SHARED takes it from all others but the kernel's and those that
 * had it given later with VIEW_SHARED. 0 or -ENOMEM.
 */
long view_give(unsigned view, paddr_t frame, unsigned flags);

/* The guest-physical page whose first 32-bit word is the number of the view that reads it. */
paddr_t view_page(void);

unsigned view_current(void);
void view_switch(unsigned view);

/* ---- faults
 * ------------------------------------------------------------------------------------------------ */

/* Makes of a virtualization exception (VECTOR_VE) the page fault that it stands for; CR2 is set. */
void vmx_exception(struct regs *regs);

/* The last EPT violation, which has become a page fault. */
struct violation {
	bool pending;      /* cleared by who has looked */
	unsigned view;     /* that forbids the access */
	uint64_t address;  /* linear */
	uint64_t physical; /* guest-physical */
	uint64_t rip;
	uint64_t qualification; /* VIOLATION_*: vmx/vmcs.h */
};

extern struct violation vmx_violation;

#endif
