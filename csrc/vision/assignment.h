// The pairing of rows with columns that gains most in all, exactly; rows and columns may stay
// single. Native because every frame of a crowd needs it, and in whole numbers because rounding
// would let the answer depend on the order of additions.
#ifndef EDGECORE_VISION_ASSIGNMENT_H
#define EDGECORE_VISION_ASSIGNMENT_H

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

namespace edgecore {

// Shortest augmenting paths over the pairs that exist (R. Jonker, A. Volgenant, "A shortest
// augmenting path algorithm for dense and sparse linear assignment problems", Computing 38, 1987).
// Work is at most rows * (columns^2 + pairs), memory the pairs; it keeps its memory between runs.
class Assignment {
public:
    static constexpr std::int32_t kNone = -1;

    void start(std::size_t columns);
    void next_row();
    // One pair of the newest row; gain > 0, at most once a column.
    void add(std::size_t column, std::int32_t gain);
    void solve();

    std::size_t rows() const { return starts_.size(); }
    std::int32_t column_of(std::size_t row) const { return column_of_[row]; }

private:
    struct Pair {
        std::uint32_t column;
        std::int32_t gain;
    };
    struct Column {
        std::int64_t price;
        std::int64_t distance;    // from the row that is being placed
        std::int32_t row;         // its partner
        std::int32_t reached_by;  // the row before it on the shortest way
        std::uint32_t reached_at; // the placement that `distance` belongs to
        bool settled;
    };
    struct Step {
        std::int32_t row;
        std::int64_t distance;
    };

    void place(std::int32_t row);
    void look_from(const Step& step, std::uint32_t placement);
    std::int32_t nearest() const;
    std::tuple<std::int64_t, bool, std::int32_t> order(std::int32_t at) const;
    void change(std::int32_t column, std::int32_t row);

    std::vector<Pair> pairs_;
    std::vector<std::size_t> starts_; // of each row's pairs
    std::vector<Column> columns_;
    std::vector<std::int64_t> value_; // of each row
    std::vector<std::int32_t> column_of_;
    std::vector<Step> visited_;         // rows
    std::vector<std::int32_t> reached_; // columns, those not settled
    std::vector<std::int32_t> settled_; // columns
};

} // namespace edgecore

#endif
