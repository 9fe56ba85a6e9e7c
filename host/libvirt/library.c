#include "host/libvirt/library.h"

#include <dlfcn.h>
#include <stdio.h>

#define LIBRARY "libvirt.so.0"

bool libvirt_load(struct libvirt *libvirt, char *reason, size_t size)
{
	struct {
		const char *name;
		void *function;
	} functions[] = {
	        {"virEventRegisterDefaultImpl", &libvirt->register_loop},
	        {"virEventRunDefaultImpl", &libvirt->run_loop},
	        {"virSetErrorFunc", &libvirt->set_error_function},
	        {"virGetLastErrorMessage", &libvirt->last_error},
	        {"virConnectOpen", &libvirt->open},
	        {"virConnectGetCapabilities", &libvirt->capabilities},
	        {"virConnectRegisterCloseCallback", &libvirt->on_close},
	        {"virConnectDomainEventRegisterAny", &libvirt->on_event},
	        {"virDomainCreateXML", &libvirt->create},
	        {"virDomainLookupByName", &libvirt->find},
	        {"virDomainGetName", &libvirt->name},
	        {"virDomainFree", &libvirt->free},
	};
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (!library) {
		snprintf(reason, size, "no " LIBRARY " here (package libvirt0): %s", dlerror());
		return false;
	}
	for (unsigned i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		*(void **)functions[i].function = dlsym(library, functions[i].name);
		if (*(void **)functions[i].function)
			continue;
		snprintf(reason, size, LIBRARY " here has no %s", functions[i].name);
		return false;
	}
	return true;
}
