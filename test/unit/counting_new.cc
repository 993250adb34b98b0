#include "test/unit/counting_new.h"

#include <cstdlib>
#include <new>

std::atomic<std::size_t> allocations = 0;
std::atomic<std::size_t> large_allocations = 0;

namespace {

void* allocate(std::size_t size) noexcept {
  ++allocations;
  if (size >= kLargeAllocationBytes) ++large_allocations;
  return std::malloc(size);
}

}  // namespace

// In a file of their own, so that the compiler does not inline one of the pair and then take it
// for a mismatch.
void* operator new(std::size_t size) {
  if (void* memory = allocate(size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
