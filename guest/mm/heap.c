/*
 * The kernel's heap. A slab is one frame cut into objects of one size; the frame's descriptor holds the chain
 * of its free objects, so that objects keep the alignment of their size. Larger requests are blocks of
 * frames.
 */
#include "mm/heap.h"

#include "mm/frame.h"

#define CLASS_SHIFT_MIN 5 /* 32 bytes */
#define CLASS_SHIFT_MAX 11
#define CLASSES         (CLASS_SHIFT_MAX - CLASS_SHIFT_MIN + 1)

/* A free object. */
struct object {
	struct object *next;
};

static struct list slabs[CLASSES]; /* with at least one free object */

/* The least power of two, as an exponent, that holds `size` bytes. */
static unsigned shift_for(size_t size)
{
	return size <= 1 ? 0 : 64 - (unsigned)__builtin_clzl(size - 1);
}

static struct frame *slab_create(unsigned class)
{
	size_t size = 1UL << (class + CLASS_SHIFT_MIN);
	paddr_t address = frame_alloc(NULL);
	struct frame *slab;
	char *memory;

	if (!address)
		return NULL;
	slab = frame_of(address);
	slab->state = FRAME_SLAB;
	slab->order = (uint8_t) class;
	slab->references = 0;
	slab->free_objects = NULL;
	memory = phys_to_virt(address);
	for (size_t offset = PAGE_SIZE; offset > 0; offset -= size) {
		struct object *object = (struct object *)(memory + offset - size);

		object->next = slab->free_objects;
		slab->free_objects = object;
	}
	list_add(&slabs[class], &slab->link);
	return slab;
}

static void slab_destroy(struct frame *slab)
{
	list_remove(&slab->link);
	slab->state = FRAME_USED;
	slab->order = 0;
	slab->account = NULL;
	slab->references = 1;
	frame_put(frame_address(slab));
}

static void *slab_alloc(unsigned class)
{
	struct list *head = &slabs[class];
	struct object *object;
	struct frame *slab;

	if (!head->next)
		list_init(head);
	slab = list_empty(head) ? slab_create(class) : list_entry(head->next, struct frame, link);
	if (!slab)
		return NULL;
	object = slab->free_objects;
	slab->free_objects = object->next;
	slab->references++;
	if (!slab->free_objects)
		list_remove(&slab->link);
	return object;
}

static void slab_free(struct frame *slab, struct object *object)
{
	struct list *head = &slabs[slab->order];

	kassert(slab->references > 0 && ((uintptr_t)object & ((32UL << slab->order) - 1)) == 0);
	if (!slab->free_objects)
		list_add(head, &slab->link);
	object->next = slab->free_objects;
	slab->free_objects = object;
	/* The last slab of a class stays, so that one object that comes and goes costs no frame each time. */
	if (--slab->references == 0 && (head->next != &slab->link || head->prev != &slab->link))
		slab_destroy(slab);
}

void *kmalloc(size_t size)
{
	unsigned shift = MAX(shift_for(size), CLASS_SHIFT_MIN);
	paddr_t address;

	if (shift <= CLASS_SHIFT_MAX)
		return slab_alloc(shift - CLASS_SHIFT_MIN);
	if (shift > PAGE_SHIFT + FRAME_ORDER_MAX)
		return NULL;
	address = frame_alloc_order(shift - PAGE_SHIFT);
	return address ? phys_to_virt(address) : NULL;
}

void *kzalloc(size_t size)
{
	void *object = kmalloc(size);

	if (object)
		memset(object, 0, size);
	return object;
}

void kfree(void *object)
{
	struct frame *frame;

	if (!object)
		return;
	frame = frame_of(virt_to_phys(object));
	kassert(frame);
	if (frame->state == FRAME_SLAB)
		slab_free(frame, object);
	else
		frame_free_order(virt_to_phys(object), frame->order);
}
