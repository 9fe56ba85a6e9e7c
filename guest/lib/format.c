/* Formatted text: the conversions that lib.h lists. */
#include "lib/lib.h"

#define DIGITS_MAX 20 /* of a 64-bit number, in base 10 */

struct output {
	char *to;
	size_t size;
	size_t length; /* that the whole text has, whatever fits */
};

struct conversion {
	bool left;     /* flag - */
	bool zero;     /* flag 0 */
	int width;     /* least number of characters */
	int precision; /* -1: none */
	int length;    /* 0: int, 1: long, long long or size_t */
};

static void put(struct output *output, char character)
{
	if (output->length + 1 < output->size)
		output->to[output->length] = character;
	output->length++;
}

static void pad(struct output *output, char character, int count)
{
	while (count-- > 0)
		put(output, character);
}

/* `prefix` stands before zeroes that fill the width, and after blanks that do. */
static void put_field(struct output *output, const struct conversion *conversion, const char *prefix,
                      const char *text, size_t size)
{
	int fill = conversion->width - (int)strlen(prefix) - (int)size;

	if (!conversion->left && !conversion->zero)
		pad(output, ' ', fill);
	while (*prefix)
		put(output, *prefix++);
	if (!conversion->left && conversion->zero)
		pad(output, '0', fill);
	for (size_t i = 0; i < size; i++)
		put(output, text[i]);
	if (conversion->left)
		pad(output, ' ', fill);
}

static void put_number(struct output *output, const struct conversion *conversion, const char *prefix,
                       uint64_t value, unsigned base)
{
	char digits[DIGITS_MAX];
	size_t first = DIGITS_MAX;

	do {
		digits[--first] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	put_field(output, conversion, prefix, digits + first, DIGITS_MAX - first);
}

/* A va_list that functions can share. */
struct arguments {
	va_list list;
};

/* A decimal number, or '*' for the next argument; returns the first character after it. */
static const char *parse_number(int *number, const char *format, struct arguments *arguments)
{
	if (*format == '*') {
		*number = va_arg(arguments->list, int);
		return format + 1;
	}
	for (*number = 0; *format >= '0' && *format <= '9'; format++)
		*number = *number * 10 + *format - '0';
	return format;
}

/* Reads flags, width, precision and length; returns the first character after them. */
static const char *parse(struct conversion *conversion, const char *format, struct arguments *arguments)
{
	*conversion = (struct conversion){.precision = -1};
	for (;; format++) {
		if (*format == '-')
			conversion->left = true;
		else if (*format == '0')
			conversion->zero = true;
		else
			break;
	}
	format = parse_number(&conversion->width, format, arguments);
	if (*format == '.')
		format = parse_number(&conversion->precision, format + 1, arguments);
	for (; *format == 'l' || *format == 'z'; format++)
		conversion->length = 1;
	return format;
}

static void put_signed(struct output *output, const struct conversion *conversion, int64_t value)
{
	uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;

	put_number(output, conversion, value < 0 ? "-" : "", magnitude, 10);
}

static void put_string(struct output *output, struct conversion *conversion, const char *text)
{
	size_t limit = conversion->precision < 0 ? SIZE_MAX : (size_t)conversion->precision;

	conversion->zero = false;
	if (!text)
		text = "(null)";
	put_field(output, conversion, "", text, strnlen(text, limit));
}

int vsnprintf(char *to, size_t size, const char *format, va_list list)
{
	struct output output = {to, size, 0};
	struct arguments arguments;
	struct conversion conversion;
	char character;

	va_copy(arguments.list, list);
	for (; *format; format++) {
		if (*format != '%') {
			put(&output, *format);
			continue;
		}
		format = parse(&conversion, format + 1, &arguments);
		switch (*format) {
		case 'd':
		case 'i':
			put_signed(&output, &conversion,
			           conversion.length ? va_arg(arguments.list, long)
			                             : va_arg(arguments.list, int));
			break;
		case 'u':
		case 'x':
			put_number(&output, &conversion, "",
			           conversion.length ? va_arg(arguments.list, unsigned long)
			                             : va_arg(arguments.list, unsigned),
			           *format == 'u' ? 10 : 16);
			break;
		case 'p':
			put_number(&output, &conversion, "0x", (uintptr_t)va_arg(arguments.list, void *), 16);
			break;
		case 'c':
			character = (char)va_arg(arguments.list, int);
			conversion.zero = false;
			put_field(&output, &conversion, "", &character, 1);
			break;
		case 's':
			put_string(&output, &conversion, va_arg(arguments.list, const char *));
			break;
		case '%':
			put(&output, '%');
			break;
		default:
			panic("vsnprintf: unknown conversion '%%%c'", *format);
		}
	}
	va_end(arguments.list);
	if (size > 0)
		to[MIN(output.length, size - 1)] = 0;
	return (int)output.length;
}

int snprintf(char *to, size_t size, const char *format, ...)
{
	va_list list;
	int length;

	va_start(list, format);
	length = vsnprintf(to, size, format, list);
	va_end(list);
	return length;
}
