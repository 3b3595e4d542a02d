// Command bench measures snowstream against what people use today and writes docs/performance.md:
//
//	go run ./bench                                  all sections, from the root of the repository
//	go run ./bench -sections path -rounds 5         some of them, faster
//
// It only starts the module in bench/measure: the peers that snowstream is compared with are dependencies there, and
// never of the product.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// module is where the measuring is done, from the root of the repository.
const module = "bench/measure"

func main() {
	if _, err := os.Stat(module + "/go.mod"); err != nil {
		fmt.Fprintln(os.Stderr, "bench: there is no "+module+" here: start it in the root of the repository, go run ./bench")
		os.Exit(2)
	}
	c := exec.Command("go", append([]string{"run", "."}, os.Args[1:]...)...)
	c.Dir, c.Stdin, c.Stdout, c.Stderr = module, os.Stdin, os.Stdout, os.Stderr
	err := c.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		os.Exit(exit.ExitCode())
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench: start the measuring:", err)
		os.Exit(1)
	}
}
