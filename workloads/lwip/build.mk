# The network stack: lwIP, unmodified, with its port and its sockets, on the wire. build/images/lwip.image.
LWIP := workloads/lwip
LWIP_SOURCE := $(BUILD)/src/lwip/src

LWIP_CORE := $(patsubst %,$(LWIP_SOURCE)/core/%.c,def inet_chksum init ip mem memp netif pbuf tcp tcp_in tcp_out timeouts udp \
	ipv4/etharp ipv4/icmp ipv4/ip4 ipv4/ip4_addr ipv4/ip4_frag) $(LWIP_SOURCE)/netif/ethernet.c
LWIP_CORE_OBJECTS := $(LWIP_CORE:%=$(BUILD)/image/%.o)
LWIP_OWN_OBJECTS := $(patsubst %,$(BUILD)/image/$(LWIP)/%.c.o,buffers socket stack tcp_socket udp_socket) \
	$(patsubst %,$(BUILD)/image/workloads/wire/%.c.o,link recorder wire)
LWIP_OBJECTS := $(LWIP_CORE_OBJECTS) $(LWIP_OWN_OBJECTS)

$(LWIP_OBJECTS) $(BUILD)/image/workloads/wire/region_domain.c.o: IMAGE_CFLAGS += -I$(LWIP)/port -I$(LWIP) -Iworkloads -Ibackends \
	-I$(LWIP_SOURCE)/include
# Warnings about code that is not ours: of lwIP's own choice.
$(LWIP_CORE_OBJECTS): IMAGE_CFLAGS += -Wno-extra -Wno-address -Wno-type-limits

$(eval $(call portcullis_image,lwip,$(LWIP)/lwip.exports,$(LWIP_OBJECTS) $(BUILD)/image/workloads/wire/region_domain.c.o))

# The same objects for programs that link them directly. They bring what images take from their runtime.
LWIP_DIRECT := $(LWIP_OBJECTS) $(BUILD)/image/workloads/wire/region_direct.c.o $(BUILD)/image/backends/library/heap.c.o \
	$(DIRECT_RUNTIME)
$(BUILD)/image/workloads/wire/region_direct.c.o: IMAGE_CFLAGS += -Iworkloads -D_GNU_SOURCE
