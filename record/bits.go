package record

// bitName is the name of a bit in a schema file.
type bitName[T ~uint8] struct {
	bit  T
	name string
}

// bitOf is the bit with a name, 0 if there is none.
func bitOf[T ~uint8](words []bitName[T], name string) T {
	for _, w := range words {
		if w.name == name {
			return w.bit
		}
	}
	return 0
}

// wordsOf are the names of the bits that are set.
func wordsOf[T ~uint8](words []bitName[T], set T) (out []string) {
	for _, w := range words {
		if set&w.bit != 0 {
			out = append(out, w.name)
		}
	}
	return out
}
