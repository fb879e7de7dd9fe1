#define OMINIX_ISA avx512
#include "kernels/cpu/make_table.h"
