package template

import (
	"errors"
	"math"
	"strconv"
)

// decimalsOf reads how many decimals a number gets.
func decimalsOf(arg value, otherwise int) (int, error) {
	d := arg.field("decimals").orElse(float64(otherwise)).toNumber()
	if !(d >= 0 && d <= 15) || d != math.Trunc(d) {
		return 0, errors.New("decimals must be a whole number from 0 to 15")
	}
	return int(d), nil
}

// floats gives numbers drawn by draw, kept between the argument's min and max where it has them.
func floats(arg value, draw func(*source) float64) (emit, error) {
	decimals, err := decimalsOf(arg, 2)
	if err != nil {
		return nil, err
	}
	low, high := arg.field("min").orElse(math.Inf(-1)).toNumber(), arg.field("max").orElse(math.Inf(1)).toNumber()
	if !(low <= high) {
		return nil, errors.New("min must not be above max")
	}
	return func(dst []byte, s *source) []byte {
		return strconv.AppendFloat(dst, max(low, min(high, draw(s))), 'f', decimals, 64)
	}, nil
}

// finite reads numbers of the argument, with their defaults.
func finite(arg value, names []string, otherwise ...float64) ([]float64, error) {
	read := make([]float64, len(names))
	for i, name := range names {
		read[i] = arg.field(name).orElse(otherwise[i]).toNumber()
		if math.IsNaN(read[i]) || math.IsInf(read[i], 0) {
			return nil, errors.New(name + " must be a number")
		}
	}
	return read, nil
}

func floatUniform(arg value) (emit, error) {
	n, err := finite(arg, []string{"min", "max"}, 0, 1)
	if err != nil {
		return nil, err
	}
	return floats(arg, func(s *source) float64 { return n[0] + s.Float64()*(n[1]-n[0]) })
}

func floatNormal(arg value) (emit, error) {
	n, err := finite(arg, []string{"mean", "deviation"}, 0, 1)
	if err != nil {
		return nil, err
	}
	return floats(arg, func(s *source) float64 { return n[0] + s.NormFloat64()*n[1] })
}

func floatExponential(arg value) (emit, error) {
	n, err := finite(arg, []string{"mean"}, 1)
	if err != nil {
		return nil, err
	}
	return floats(arg, func(s *source) float64 { return s.ExpFloat64() * n[0] })
}

// floatLognormal has the deviation of its logarithm.
func floatLognormal(arg value) (emit, error) {
	n, err := finite(arg, []string{"median", "deviation"}, 1, 1)
	if err != nil {
		return nil, err
	}
	return floats(arg, func(s *source) float64 { return n[0] * min(math.Exp(s.NormFloat64()*n[1]), 1e300) })
}
