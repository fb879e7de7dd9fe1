#define OMINIX_ISA avx2
#include "kernels/cpu/make_table.h"
