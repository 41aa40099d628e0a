# Strict warnings as errors and hardening for our own code only; packages come in as SYSTEM.
# Designated initialisers leave the rest to the defaults on purpose: missing-field-initializers is off.
add_library(house_flags INTERFACE)
target_compile_options(house_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
                       -Wnon-virtual-dtor -Woverloaded-virtual
                       -Wno-missing-field-initializers -Werror -fstack-protector-strong)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 sees overlaps and unset members in moved std::string and std::variant that are not there
  # (GCC bugs 105329, 105562); clang-tidy looks for the real ones.
  target_compile_options(house_flags INTERFACE -Wno-restrict -Wno-maybe-uninitialized)
else()
  # In GCC 12's library stable_sort calls what C++17 deprecated.
  target_compile_options(house_flags INTERFACE -Wno-deprecated-declarations)
endif()
target_compile_definitions(house_flags INTERFACE _GLIBCXX_ASSERTIONS)
target_link_options(house_flags INTERFACE -Wl,-z,relro,-z,now,--as-needed)

set(SANITIZE "" CACHE STRING "asan (with UBSan), tsan, or empty")
if(SANITIZE STREQUAL "asan")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(SANITIZE STREQUAL "tsan")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
endif()

# Line numbers in stack traces are enough, and build faster.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")
