/* From a path to a binary: permissions, and "#!" scripts. */
#include "proc/program.h"

#include "fs/file.h"
#include "lib/errno.h"
#include "proc/process.h"

#define SCRIPT_DEPTH 4
#define SCRIPT_LINE  256

/* Puts `count` strings, given one after the other, in the place of the first argument. */
static long replace_first(struct exec_strings *strings, const char *const *words, unsigned count)
{
	size_t old = strings->argc ? strlen(strings->text) + 1 : 0, size = 0;

	for (unsigned i = 0; i < count; i++)
		size += strlen(words[i]) + 1;
	if (strings->size - old + size > EXEC_STRINGS_MAX)
		return -E2BIG;
	memmove(strings->text + size, strings->text + old, strings->size - old);
	strings->size += size - old;
	strings->argc += count - (strings->argc ? 1 : 0);
	for (size = 0; count; count--, words++) {
		memcpy(strings->text + size, *words, strlen(*words) + 1);
		size += strlen(*words) + 1;
	}
	return 0;
}

static long open_executable(const char *path, struct inode **inode)
{
	long error = path_lookup(path, inode);

	if (error)
		return error;
	if ((*inode)->kind != INODE_FILE || !((*inode)->mode & 0111) || inode_permission(*inode, MAY_EXEC))
		error = -EACCES;
	else if ((*inode)->writers)
		error = -ETXTBSY;
	if (error)
		inode_put(*inode);
	return error;
}

/* "#! interpreter [argument]": the words, cut out of `line`, which ends with a newline or the file. 0 or
 * -ENOEXEC. */
static long parse_script_line(char *line, char **interpreter, char **argument)
{
	char *word = line + 2, *end = strchr(line, '\n');

	if (!end) {
		end = line + strlen(line);
		if (end == line + SCRIPT_LINE - 1)
			return -ENOEXEC;
	}
	while (end > line + 2 && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	while (*word == ' ' || *word == '\t')
		word++;
	if (!*word)
		return -ENOEXEC;
	*interpreter = word;
	while (*word && *word != ' ' && *word != '\t')
		word++;
	if (*word)
		*word++ = '\0';
	while (*word == ' ' || *word == '\t')
		word++;
	*argument = *word ? word : NULL;
	return 0;
}

long program_find(const char *path, struct exec_strings *strings, struct inode **inode)
{
	char line[SCRIPT_LINE], script[PATH_MAX], *interpreter, *argument;
	long error = open_executable(path, inode);

	strlcpy(script, path, sizeof(script));
	for (unsigned depth = 0; !error; depth++) {
		const char *words[3];
		unsigned count = 0;
		size_t size = inode_read(*inode, 0, line, sizeof(line) - 1);

		line[size] = '\0';
		if (size < 2 || line[0] != '#' || line[1] != '!')
			return 0;
		inode_put(*inode);
		if (depth > SCRIPT_DEPTH)
			return -ELOOP;
		error = parse_script_line(line, &interpreter, &argument);
		if (error)
			return error;
		words[count++] = interpreter;
		if (argument)
			words[count++] = argument;
		words[count++] = script;
		error = replace_first(strings, words, count);
		if (!error)
			error = open_executable(interpreter, inode);
		strlcpy(script, interpreter, sizeof(script));
	}
	return error;
}
