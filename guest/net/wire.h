/*
 * Wires: memory that two domains share, for virtual network devices (backends/include/portcullis/wire.h).
 *
 * Each end's region is writable for its own domain and readable for the other end's, whatever the backend; no
 * application and no other domain reaches it. What lies in a region is the libraries' affair, but for the
 * first word, by which the kernel tells what became of the other end.
 */
#ifndef GUEST_NET_WIRE_H
#define GUEST_NET_WIRE_H

struct domain;

/* The domain's pages are gone, and so is its end: the other one keeps both regions for itself. */
void wire_release(struct domain *domain);

#endif
