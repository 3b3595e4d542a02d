package template

import (
	"errors"
	"math"
	"strconv"
)

func addressMethods() map[string]prepare {
	space := literal(" ")
	first, last := pick(firstNames()), pick(lastNames())
	prefix, suffix := pick(listed("address", "street_prefix", letters)), pick(listed("address", "street_suffix", letters))
	secondary := oneOf(pattern("Apt. ###", false), pattern("Suite ###", false))
	street := sequence(oneOf(first, last), space, pick(streetSuffixes()))
	return map[string]prepare{
		"zipCode": func(arg value) (emit, error) {
			if arg.kind == kindUndefined {
				return oneOf(pattern("#####", true), pattern("#####-####", true)), nil
			}
			return patternMethod(arg, true)
		},
		"city": choose([]emit{
			sequence(prefix, space, first, suffix), sequence(prefix, space, first), sequence(first, suffix), sequence(last, suffix),
		}),
		"cityPrefix": plain(prefix),
		"citySuffix": plain(suffix),
		"streetName": plain(street),
		"streetAddress": func(arg value) (emit, error) {
			address := sequence(oneOf(pattern("##### ", false), pattern("#### ", false), pattern("### ", false)), street)
			if arg.truthy() {
				return sequence(address, space, secondary), nil
			}
			return address, nil
		},
		"streetPrefix":     plain(pick([]string{"a", "b", "c"})), // English has none, so this is arrayElement's default
		"streetSuffix":     plain(pick(streetSuffixes())),
		"secondaryAddress": plain(secondary),
		"county":           plain(pick(counties())),
		"country":          plain(pick(listed("address", "country", phrases))),
		"countryCode":      plain(pick(listed("address", "country_abr", letters))),
		"state":            plain(pick(listed("address", "state", phrases))),
		"stateAbbr":        plain(pick(stateCodes())),
		"latitude":         plain(degrees(90)),
		"longitude":        plain(degrees(180)),

		"nearbyGPSCoordinate": nearby,
	}
}

// degrees gives an angle from -most to most with four decimals.
func degrees(most int) emit {
	return func(dst []byte, r *source) []byte {
		n := between(r, -most*10000, most*10000)
		return strconv.AppendFloat(dst, float64(n)/10000, 'f', 4, 64)
	}
}

// nearby gives a point exactly radius away from a coordinate, in any direction, with four decimals.
func nearby(arg value) (emit, error) {
	centre := arg.field("coordinate")
	if len(centre.items) != 2 {
		return nil, errors.New(`the argument must be an object such as {"coordinate":[45.4,-75.7],"radius":10,"isMetric":true}`)
	}
	const kilometresPerMile, earthRadius = 1.609344, 6371.0
	distance := arg.field("radius").orElse(10).toNumber()
	if !arg.field("isMetric").truthy() {
		distance *= kilometresPerMile
	}
	angle := distance / earthRadius
	latitude := centre.items[0].toNumber() * math.Pi / 180
	longitude := centre.items[1].toNumber() * math.Pi / 180
	return func(dst []byte, r *source) []byte {
		bearing := r.Float64() * 2 * math.Pi
		lat := math.Asin(math.Sin(latitude)*math.Cos(angle) + math.Cos(latitude)*math.Sin(angle)*math.Cos(bearing))
		long := longitude + math.Atan2(math.Sin(bearing)*math.Sin(angle)*math.Cos(latitude),
			math.Cos(angle)-math.Sin(latitude)*math.Sin(lat))
		dst = strconv.AppendFloat(dst, lat*180/math.Pi, 'f', 4, 64)
		dst = append(dst, ',')
		return strconv.AppendFloat(dst, math.Remainder(long*180/math.Pi, 360), 'f', 4, 64)
	}, nil
}
