// Vectors to test with.

#pragma once

#include <cstddef>
#include <random>
#include <vector>

namespace vecx {

inline std::vector<float> GaussianVector(std::minstd_rand &random, size_t n, double deviation = 1) {
    std::normal_distribution<double> value(0, deviation);
    std::vector<float> values;
    for (size_t i = 0; i < n; i++) values.push_back(static_cast<float>(value(random)));
    return values;
}

inline double Dot(const std::vector<float> &a, const std::vector<float> &b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); i++) sum += static_cast<double>(a[i]) * b[i];
    return sum;
}

inline double SquaredDistance(const std::vector<float> &a, const std::vector<float> &b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); i++) {
        const double difference = static_cast<double>(a[i]) - b[i];
        sum += difference * difference;
    }
    return sum;
}

}  // namespace vecx
