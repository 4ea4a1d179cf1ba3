# A toolchain file for 64-bit Arm under Linux, with Debian's cross compiler: cmake -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64.cmake.
# What is built runs under qemu-user on the machine that builds.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -cpu max)
