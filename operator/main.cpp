#include "cli/program.h"

int main(int argc, char** argv) { return rebalance::run_program(argc, argv); }
