// Command bench measures Dunlin from outside and writes docs/performance.md; `make bench` runs it. It has three parts:
//
//   - speed: the workloads of internal/speed on Dunlin and on its peers in turn, beside Dunlin's goals;
//   - curves: how Dunlin's costs grow (internal/curves), with -curves;
//   - durability: what the disk costs, the files of this package.
//
// Brokers are processes of their own; what they have used is read from /proc. The generator runs on one processor (GOMAXPROCS
// 1); for speed and curves it and the broker have one each, unless -pin=false. The bench judges nothing: numbers depend on the
// machine, and goals are printed beside them.
package main
