#define OMINIX_ISA avx512_vnni
#include "kernels/cpu/make_table.h"
