#define OMINIX_ISA portable
#include "kernels/cpu/make_table.h"
