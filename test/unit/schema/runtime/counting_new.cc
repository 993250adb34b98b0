#include "counting_new.h"

#include <cstdlib>
#include <new>

std::atomic<std::size_t> allocations = 0;

// In a file of their own, so that the compiler does not inline one of the pair and then take it
// for a mismatch.
void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
