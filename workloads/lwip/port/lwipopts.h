/* Options of the stack (lwip/opt.h explains them): polled, no threads, no names of hosts, IPv4 alone. */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

#define NO_SYS               1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN         0
#define LWIP_SOCKET          0
#define LWIP_STATS           0

/* Memory. What is to be sent comes from packet memory (stack.h), all else from static pools. */
#define MEM_ALIGNMENT            8
#define MEM_LIBC_MALLOC          1
#define mem_clib_malloc          packet_alloc
#define mem_clib_free            packet_free
#define mem_clib_calloc          packet_calloc
#define MEMP_MEM_MALLOC          0
#define MEMP_NUM_PBUF            1024
#define MEMP_NUM_TCP_PCB         256
#define MEMP_NUM_TCP_PCB_LISTEN  16
#define MEMP_NUM_UDP_PCB         64
#define MEMP_NUM_TCP_SEG         4096
#define MEMP_NUM_FRAG_PBUF       256
#define MEMP_NUM_REASSDATA       16
#define PBUF_POOL_SIZE           0 /* received frames are in buffers of the device */
#define LWIP_SUPPORT_CUSTOM_PBUF 1
#define MEMCPY(to, from, size)   stack_copy(to, from, size)

/* Ethernet and IP. */
#define LWIP_ARP                      1
#define ARP_QUEUEING                  1
#define ETHARP_SUPPORT_STATIC_ENTRIES 0
#define LWIP_ICMP                     1
#define LWIP_RAW                      0
#define LWIP_DHCP                     0
#define LWIP_DNS                      0
#define LWIP_IGMP                     0
#define IP_FRAG                       1
#define IP_REASSEMBLY                 1
#define IP_REASS_MAX_PBUFS            512
#define LWIP_CHECKSUM_CTRL_PER_NETIF  1
#define LWIP_CHKSUM_ALGORITHM         3
#define LWIP_NETIF_TX_SINGLE_PBUF     0

/* UDP and TCP. Segments fill a frame of 1,500 bytes; windows are scaled by 4. */
#define LWIP_UDP           1
#define LWIP_TCP           1
#define TCP_MSS            1460
#define TCP_WND            (128 * 1024)
#define TCP_SND_BUF        (128 * 1024)
#define TCP_SND_QUEUELEN   (4 * TCP_SND_BUF / TCP_MSS)
#define TCP_SNDLOWAT       16384
#define LWIP_WND_SCALE     1
#define TCP_RCV_SCALE      2
#define TCP_LISTEN_BACKLOG 1
#define TCP_QUEUE_OOSEQ    1
#define LWIP_TCP_SACK_OUT  0
#define TCP_MSL            1000 /* milliseconds: a wire keeps no segment for minutes */

#endif
