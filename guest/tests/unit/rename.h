/* Given to the compiler before every file of the unit tests: the kernel's names for functions that the C
 * library has too. */
#define memcpy    kernel_memcpy
#define memmove   kernel_memmove
#define memset    kernel_memset
#define memcmp    kernel_memcmp
#define strlen    kernel_strlen
#define strnlen   kernel_strnlen
#define strcmp    kernel_strcmp
#define strncmp   kernel_strncmp
#define strchr    kernel_strchr
#define strlcpy   kernel_strlcpy
#define vsnprintf kernel_vsnprintf
#define snprintf  kernel_snprintf
