# Compiling for arm64 on another machine. Nothing is linked: of the libraries only the headers are
# used, which are the same for both, so those of this machine do.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
execute_process(COMMAND gcc -print-multiarch OUTPUT_VARIABLE of_this_machine
                OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
set(CMAKE_LIBRARY_PATH /usr/lib/${of_this_machine})
set(CMAKE_PREFIX_PATH /usr/lib/${of_this_machine}/cmake)
