package record

import "bytes"

// lastOnes returns a payload in which each object has a name once: of members with the same name all but the last one are
// overwritten with blanks, so that each byte that is left stays where it was. Where the payload is no JSON, it is done up to there,
// and whoever reads it meets the same fault at the same place.
func lastOnes(payload []byte) []byte {
	s := scanner{data: bytes.Clone(payload), twice: true}
	_ = s.lastOnes(0) // said by whoever reads it
	return s.data
}

// lastOnes does it for the value that the scanner stands before.
func (s *scanner) lastOnes(depth int) Code {
	s.space()
	switch {
	case s.at == len(s.data):
		return NotJSON
	case s.data[s.at] == '{':
		return s.lastMembers(depth)
	case s.data[s.at] == '[' && depth < maxDepth:
		return s.lastElements(depth)
	}
	_, code := s.value(depth)
	return code
}

func (s *scanner) lastElements(depth int) Code {
	s.at++
	if s.take(']') {
		return OK
	}
	for {
		if code := s.lastOnes(depth + 1); code != OK {
			return code
		}
		if s.take(']') {
			return OK
		}
		if !s.take(',') {
			return NotJSON
		}
	}
}

func (s *scanner) lastMembers(depth int) Code {
	var m members
	var starts []int // of each member
	last := map[string]int{}
	for {
		name, more, code := s.member(&m, depth)
		if code != OK || !more {
			return code
		}
		starts = append(starts, m.from)
		if before, ok := last[string(name)]; ok {
			for i := starts[before]; i < starts[before+1]; i++ {
				s.data[i] = ' '
			}
		}
		last[string(name)] = len(starts) - 1
		if code := s.lastOnes(depth + 1); code != OK {
			return code
		}
	}
}
