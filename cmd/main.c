/* The program: all of it is in the libraries. */
#include "program.h"

int main(int argc, char **argv)
{
    return program_main(argc, argv);
}
