/* The wires of a run (portcullis/wire.h), in the broker: regions of memory and what became of their ends. */
#ifndef NATIVE_WIRES_H
#define NATIVE_WIRES_H

#include "native/broker.h"

/* BROKER_WIRE, of the process `index`: 0 with `descriptors` filled in, its own region's first; or -errno. */
long wires_map(const struct broker_request *request, unsigned index, int descriptors[2]);

/* The end of the process's domain `number`, or any of its ends, is gone. */
void wires_leave(unsigned number, unsigned index);
void wires_end(unsigned index);

#endif
