#include <ac_int.h> // of the project: Algorithmic C, which Intel delivers a copy of
