/* Everything that the launcher tells people: lines and a progress display, on standard error. */
#ifndef HOST_REPORT_H
#define HOST_REPORT_H

/* "portcullis: sentence" and a newline. */
void report_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A line as it is. */
void report_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Replaces the progress display, one line that the next report clears. Nothing unless standard error is a
 * terminal. */
void report_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void report_progress_end(void);

#endif
