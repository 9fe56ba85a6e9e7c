#include "proc/wait.h"

#include "proc/sched.h"

void wait_queue_init(struct wait_queue *queue)
{
	list_init(&queue->entries);
}

void wait_begin(struct wait_queue *queue, struct wait_entry *entry)
{
	entry->thread = current_thread();
	list_add_tail(&queue->entries, &entry->link);
}

void wait_end(struct wait_entry *entry)
{
	list_remove(&entry->link);
}

void wake_all(struct wait_queue *queue)
{
	list_for_each (node, &queue->entries)
		thread_wake(list_entry(node, struct wait_entry, link)->thread);
}

void poll_wait(struct poll_table *table, struct wait_queue *queue)
{
	if (!table)
		return;
	kassert(table->count < table->room);
	wait_begin(queue, &table->entries[table->count++]);
}
