/* protocol = "frames": a 32-bit length, big endian, then so many bytes. Build: cc -O2 -o even
 * even.c */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(void) {
  uint32_t length;
  while (fread(&length, sizeof length, 1, stdin) == 1) {
    char record[32] = "", reply[64] = "";
    length = ntohl(length);
    if (length >= sizeof record || fread(record, 1, length, stdin) != length) return 1;
    const long number = atol(record);
    const int bytes = number % 2 == 0 ? snprintf(reply, sizeof reply, "%ld is even\n", number) : 0;
    length = htonl((uint32_t)bytes); /* 0: no output */
    fwrite(&length, sizeof length, 1, stdout);
    fwrite(reply, 1, (size_t)bytes, stdout);
    fflush(stdout); /* or several answers at once, but never while it waits for input */
  }
  return 0;
}
