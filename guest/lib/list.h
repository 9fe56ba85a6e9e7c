/* Intrusive circular doubly linked lists. A head and its members are both `struct list`. */
#ifndef GUEST_LIB_LIST_H
#define GUEST_LIB_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next;
	struct list *prev;
};

#define LIST_INIT(head) {&(head), &(head)}
#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))
#define list_entry(node, type, member) container_of(node, type, member)

#define list_for_each(node, head) for (struct list *node = (head)->next; node != (head); node = node->next)

/* `node` may be removed in the body; its successor may not. */
#define list_for_each_safe(node, head)                                                                      \
	for (struct list *node = (head)->next, *node##_next = node->next; node != (head);                   \
	     node = node##_next, node##_next = node->next)

static inline void list_init(struct list *head)
{
	head->next = head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
	return head->next == head;
}

static inline void list_add_between(struct list *node, struct list *prev, struct list *next)
{
	node->prev = prev;
	node->next = next;
	prev->next = node;
	next->prev = node;
}

/* Makes `node` the first member of `head`, or places it right after the member `head`. */
static inline void list_add(struct list *head, struct list *node)
{
	list_add_between(node, head, head->next);
}

/* Makes `node` the last member of `head`, or places it right before the member `head`. */
static inline void list_add_tail(struct list *head, struct list *node)
{
	list_add_between(node, head->prev, head);
}

/* Removes `node` and leaves it as an empty list, so that a second removal is harmless. */
static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

#endif
