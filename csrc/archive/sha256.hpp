// SHA-256 (FIPS 180-4).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace egaze::detail {

class Sha256 {
 public:
  // Uses the processor's instructions for SHA-256, if it has them and this is an x86-64 build, unless told otherwise.
  explicit Sha256(bool accelerated = true);

  void update(const void* data, std::size_t size_bytes);
  // Returns the digest as 64 lower-case hexadecimal digits. No other call may follow.
  std::string finish();

 private:
  using State = std::array<std::uint32_t, 8>;

  static void update_portably(State& state, const unsigned char* blocks, std::size_t count);
  static void update_by_instructions(State& state, const unsigned char* blocks, std::size_t count);

  void (*update_blocks_)(State& state, const unsigned char* blocks, std::size_t count);
  State state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<unsigned char, 64> pending_{};
  std::uint64_t total_bytes_ = 0;
};

}  // namespace egaze::detail
