#include "host/libvirt/domain.h"

#include "guest/abi/boot.h"

#include <string.h>

/* Text between tags, or between the quotes of an attribute. */
static void write_text(struct buffer *xml, const char *text)
{
	for (; *text; text++) {
		if (strchr("<>&'\"", *text))
			buffer_printf(xml, "&#%d;", *text);
		else
			buffer_append(xml, text, 1);
	}
}

/* Two arguments of QEMU, "OPTION" and "BEFORE,KEY=FOLDER/FILE,AFTER": a comma in a path is doubled. */
static void write_argument(struct buffer *xml, const char *option, const char *before, const char *folder,
                           const char *file, const char *after)
{
	buffer_printf(xml, "  <qemu:arg value='%s'/>\n  <qemu:arg value='%s", option, before);
	for (; *folder; folder++)
		write_text(xml, *folder == ',' ? ",," : (const char[]){*folder, '\0'});
	buffer_printf(xml, "%s%s%s'/>\n", *file ? "/" : "", file, after);
}

static void write_cpu(const struct domain *domain, struct buffer *xml)
{
	if (domain->cpu_model) {
		buffer_printf(xml,
		              " <cpu mode='custom' match='exact' check='none'><model fallback='forbid'>");
		write_text(xml, domain->cpu_model);
		buffer_printf(xml, "</model><feature policy='require' name='pku'/><feature policy='require' "
		                   "name='pcid'/><feature policy='require' name='vmx'/></cpu>\n");
	} else if (domain->kvm) {
		buffer_printf(xml, " <cpu mode='host-passthrough' migratable='off'/>\n");
	} else {
		buffer_printf(xml, " <cpu mode='maximum'/>\n");
	}
}

/* What libvirt has no elements for. */
static void write_arguments(const struct domain *domain, struct buffer *xml)
{
	struct buffer image = {0};

	buffer_printf(xml, " <qemu:commandline>\n");
	buffer_printf(&image, ",addr=%#x,force-raw=on", IMAGE_ADDRESS);
	write_argument(xml, "-device", "loader,file=", domain->folder, DOMAIN_IMAGE, image.data);
	write_argument(xml, "-chardev", "socket,id=console,path=", domain->folder, DOMAIN_CONSOLE, "");
	write_argument(xml, "-device", "isa-debugcon,iobase=0xe9,chardev=console", "", "", "");
	write_argument(xml, "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "", "", "");
	write_argument(xml, "-chardev", "socket,id=examiner,path=", domain->folder, DOMAIN_MONITOR, "");
	write_argument(xml, "-mon", "chardev=examiner,mode=control", "", "", "");
	buffer_printf(xml, " </qemu:commandline>\n");
	buffer_free(&image);
}

void domain_write(const struct domain *domain, struct buffer *xml)
{
	buffer_printf(xml, "<domain type='%s' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n",
	              domain->kvm ? "kvm" : "qemu");
	buffer_printf(xml, " <name>%s</name>\n <memory unit='MiB'>%u</memory>\n <vcpu>1</vcpu>\n",
	              domain->name, domain->memory);
	buffer_printf(xml,
	              " <os><type arch='x86_64' machine='pc'>hvm</type><loader readonly='yes' type='rom'>");
	write_text(xml, domain->folder);
	buffer_printf(xml, "/" DOMAIN_ROM "</loader></os>\n");
	/* Without KVM's paravirtual interface: the kernel is to run as on the bare CPU. */
	buffer_printf(xml, " <features><acpi/><apic/>%s</features>\n",
	              domain->kvm ? "<kvm><hidden state='on'/></kvm>" : "");
	write_cpu(domain, xml);
	buffer_printf(
	        xml, " <on_poweroff>destroy</on_poweroff><on_reboot>destroy</on_reboot>"
	             "<on_crash>destroy</on_crash>\n"
	             " <devices><controller type='usb' model='none'/><memballoon model='none'/></devices>\n");
	if (domain->secmodel)
		buffer_printf(xml, " <seclabel type='none' model='%s'/>\n", domain->secmodel);
	write_arguments(domain, xml);
	buffer_printf(xml, "</domain>\n");
}
