package template

import (
	"errors"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
)

func addressMethods() map[string]maker {
	space := literal(" ")
	first, last := pick(firstNames()), pick(lastNames())
	street := sequence(oneOf(first, last), space, pick(streetSuffixes()))
	return map[string]maker{
		"zipCode": func(arg value) (emit, error) {
			if arg.kind == kindUndefined {
				return oneOf(pattern("#####", true), pattern("#####-####", true)), nil
			}
			return pattern(format(arg), true), nil
		},
		"city":             plain(pick(cities())),
		"cityPrefix":       plain(pick(strings.Fields("North East West South New Lake Port"))),
		"citySuffix":       plain(pick(strings.Fields("bridge bury field ford ham haven port side ton town view ville"))),
		"streetName":       plain(street),
		"streetAddress":    plain(oneOf(sequence(pattern("##### ", false), street), sequence(pattern("#### ", false), street), sequence(pattern("### ", false), street))),
		"streetSuffix":     plain(pick(streetSuffixes())),
		"secondaryAddress": plain(oneOf(pattern("Apt. ###", false), pattern("Suite ###", false))),
		"county":           plain(pick(counties())),
		"country":          plain(pick(countries())),
		"countryCode":      plain(pick(countryCodes())),
		"state":            plain(pick(states())),
		"stateAbbr":        plain(pick(stateCodes())),
		"latitude":         plain(fixed(-90, 90, 4)),
		"longitude":        plain(fixed(-180, 180, 4)),

		"nearbyGPSCoordinate": nearby,
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
	return func(dst []byte, r *rand.Rand) []byte {
		bearing := r.Float64() * 2 * math.Pi
		lat := math.Asin(math.Sin(latitude)*math.Cos(angle) + math.Cos(latitude)*math.Sin(angle)*math.Cos(bearing))
		long := longitude + math.Atan2(math.Sin(bearing)*math.Sin(angle)*math.Cos(latitude),
			math.Cos(angle)-math.Sin(latitude)*math.Sin(lat))
		dst = strconv.AppendFloat(dst, lat*180/math.Pi, 'f', 4, 64)
		dst = append(dst, ',')
		return strconv.AppendFloat(dst, math.Remainder(long*180/math.Pi, 360), 'f', 4, 64)
	}, nil
}
