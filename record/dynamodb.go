package record

import "encoding/json"

// openDynamoDB writes the typed values of DynamoDB's images as plain JSON: {"N": "1.50"} is the number 1.50, digit by digit.
// Binary values stay base64, sets become arrays. All beside the images stays as it is.
func openDynamoDB(payload []byte) ([]byte, Code) {
	top, _ := membersOf(payload, "dynamodb", "eventName")
	if !isObject(top[0]) || text(top[1]) == "" {
		return payload, WrongEnvelope
	}
	out := append(make([]byte, 0, len(payload)), '{')
	code := each(payload, func(name string, value []byte) Code {
		out = appendName(out, name)
		if name != "dynamodb" {
			out = append(out, value...)
			return OK
		}
		out = append(out, '{')
		code := each(value, func(name string, value []byte) Code {
			out = appendName(out, name)
			switch {
			case (name == "Keys" || name == "NewImage" || name == "OldImage") && isObject(value):
				var code Code
				out, code = appendAttributes(out, value, 2)
				return code
			}
			out = append(out, value...)
			return OK
		})
		out = append(out, '}')
		return code
	})
	if code != OK {
		return payload, code
	}
	return append(out, '}'), OK
}

// each is Member with a reason to stop.
func each(object []byte, visit func(name string, value []byte) Code) (code Code) {
	if broken := Member(object, func(name string, value []byte) bool {
		code = visit(name, value)
		return code == OK
	}); code == OK {
		return broken
	}
	return code
}

// appendName appends a member's name, after a comma unless it is the first of its object.
func appendName(dst []byte, name string) []byte {
	if last := dst[len(dst)-1]; last != '{' {
		dst = append(dst, ',')
	}
	quoted, err := json.Marshal(name)
	if err != nil {
		panic(err) // a checked name is text
	}
	return append(append(dst, quoted...), ':')
}

// appendAttributes appends an object of attributes, each a typed value.
func appendAttributes(dst, attributes []byte, depth int) ([]byte, Code) {
	dst = append(dst, '{')
	code := each(attributes, func(name string, value []byte) (code Code) {
		dst = appendName(dst, name)
		dst, code = appendAttribute(dst, value, depth+1)
		return code
	})
	return append(dst, '}'), code
}

// appendAttribute appends one typed value: an object with one member, which is named like its type.
func appendAttribute(dst, typed []byte, depth int) ([]byte, Code) {
	if depth >= maxDepth {
		return dst, TooDeep
	}
	if !isObject(typed) {
		return dst, WrongEnvelope
	}
	types := 0
	code := each(typed, func(name string, value []byte) (code Code) {
		types++
		dst, code = appendTyped(dst, name, value, depth)
		return code
	})
	if code == OK && types != 1 {
		code = WrongEnvelope
	}
	return dst, code
}

// appendTyped appends a value of one of DynamoDB's types.
func appendTyped(dst []byte, kind string, value []byte, depth int) ([]byte, Code) {
	first := value[0]
	switch {
	case kind == "NULL" && string(value) == "true":
		return append(dst, "null"...), OK
	case (kind == "S" || kind == "B") && first == '"', kind == "BOOL" && (first == 't' || first == 'f'):
		return append(dst, value...), OK
	case kind == "N":
		return appendNumberText(dst, value)
	case kind == "M" && first == '{':
		return appendAttributes(dst, value, depth)
	case kind == "L" && first == '[':
		return appendList(dst, value, func(dst, value []byte) ([]byte, Code) { return appendAttribute(dst, value, depth+1) })
	case kind == "NS" && first == '[':
		return appendList(dst, value, appendNumberText)
	case (kind == "SS" || kind == "BS") && first == '[':
		return append(dst, value...), OK
	}
	return dst, WrongEnvelope
}

// appendNumberText appends the number that a JSON string is the text of.
func appendNumberText(dst, value []byte) ([]byte, Code) {
	number := text(value)
	if !isNumber([]byte(number)) {
		return dst, WrongEnvelope
	}
	return append(dst, number...), OK
}

// appendList appends an array, each element as one says.
func appendList(dst, array []byte, one func(dst, value []byte) ([]byte, Code)) ([]byte, Code) {
	s := scanner{data: array, at: 1}
	dst = append(dst, '[')
	if s.take(']') {
		return append(dst, ']'), OK
	}
	for {
		v, code := s.value(1)
		if code != OK {
			return dst, code
		}
		if dst, code = one(dst, v.raw); code != OK {
			return dst, code
		}
		if s.take(']') {
			return append(dst, ']'), OK
		}
		if !s.take(',') {
			return dst, NotJSON
		}
		dst = append(dst, ',')
	}
}
