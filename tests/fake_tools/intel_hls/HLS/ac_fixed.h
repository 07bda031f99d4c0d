#include <ac_fixed.h> // of the project: Algorithmic C, which Intel delivers a copy of
